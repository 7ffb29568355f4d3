"""A migration that gives a generated column another expression, which Django does not."""

from __future__ import annotations

from typing import Any

from django.db.migrations import AlterField


class SetExpression(AlterField):
    """ALTER COLUMN … SET EXPRESSION: Postgres computes every row again in one pass and rebuilds the table's indexes,
    while the table is locked."""

    def database_forwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        model = to_state.apps.get_model(app_label, self.model_name)
        field = model._meta.get_field(self.name)
        table, column = map(schema_editor.quote_name, (model._meta.db_table, field.column))
        expression, values = field.generated_sql(schema_editor.connection)
        schema_editor.execute(f"ALTER TABLE {table} ALTER COLUMN {column} SET EXPRESSION AS ({expression})", values)

    def database_backwards(self, app_label: str, schema_editor: Any, from_state: Any, to_state: Any) -> None:
        self.database_forwards(app_label, schema_editor, from_state, to_state)
