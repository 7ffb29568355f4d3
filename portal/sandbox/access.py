"""The caller: the bearer token decides what is visible and whether changes are allowed."""

from dataclasses import dataclass

from portal.sandbox.documents import Document
from portal.sandbox.refusals import Refused
from portal.sandbox.world_state import WorldState

READ_ONLY = "-readonly"  # appended to the token: reads everything, changes nothing
MEMBER = "-member"  # appended to the token: an ordinary member, who sees and changes what is theirs


@dataclass(frozen=True, slots=True)
class Caller:
    """The subject behind a token."""

    subject: str
    may_write: bool = True
    sees_all: bool = True

    def as_subject(self) -> "Document":
        """As the API writes a subject."""
        return {"id": self.subject, "principal": "PRINCIPAL_USER"}


class Access:
    """The accepted tokens."""

    def __init__(self, world: WorldState, token: str) -> None:
        members = world.organization.members
        self._callers = {
            f"Bearer {token}": Caller(members[0]["userId"]),
            f"Bearer {token}{READ_ONLY}": Caller(members[1]["userId"], may_write=False),
            f"Bearer {token}{MEMBER}": Caller(members[2]["userId"], sees_all=False),
        }

    def caller(self, authorization: str) -> Caller:
        """Whose token it is; Refused as unauthenticated where there is none or it is unknown."""
        try:
            return self._callers[authorization]
        except KeyError:
            reason = "invalid token" if authorization else "no bearer token"
            raise Refused("unauthenticated", f"authentication required: {reason}") from None


def is_write(rpc: str) -> bool:
    """Whether the method changes anything (tokens for ports, logs and access count: they grant something)."""
    return not rpc.startswith(("Get", "List", "Watch", "Search", "Parse", "Check"))
