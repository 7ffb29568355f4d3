"""The caller: the bearer token decides what is visible and whether changes are allowed."""

import random
from dataclasses import dataclass

from portal.sandbox.documents import DAY, Document, new_id, rfc3339
from portal.sandbox.refusals import Refused
from portal.sandbox.world_state import WorldState

READ_ONLY = "-readonly"  # appended to the token: reads everything, changes nothing
MEMBER = "-member"  # appended to the token: an ordinary member, who sees and changes what is theirs
SERVICE = "-service"  # appended to the token: a service account, which reads everything and starts automations
STARTS = frozenset({"StartTask", "StartService"})
PERSON, SERVICE_ACCOUNT = "PRINCIPAL_USER", "PRINCIPAL_SERVICE_ACCOUNT"


@dataclass(frozen=True, slots=True)
class Caller:
    """The subject behind a token."""

    subject: str
    may_write: bool = True
    sees_all: bool = True
    principal: str = PERSON

    def as_subject(self) -> Document:
        """As the API writes a subject."""
        return {"id": self.subject, "principal": self.principal}

    def may(self, rpc: str) -> bool:
        """Whether the method is allowed."""
        return self.may_write or not is_write(rpc) or (self.principal == SERVICE_ACCOUNT and rpc in STARTS)


@dataclass(slots=True)
class Issued:
    """A token as its owner sees it: never the token itself. Times are the world's (µs).

    Until a test sets its end, it has sixty days left, however long the world lives.
    """

    id: str
    caller: Caller
    description: str
    created_at: int
    expires_at: int | None = None
    last_used: int = 0

    def document(self, now: int) -> Document:
        """As PersonalAccessToken, or as ServiceAccountToken."""
        owner = "serviceAccountId" if self.caller.principal == SERVICE_ACCOUNT else "userId"
        return {
            "id": self.id,
            owner: self.caller.subject,
            "description": self.description,
            "creator": self.caller.as_subject(),
            "createdAt": rfc3339(self.created_at),
            "expiresAt": rfc3339(now + 60 * DAY if self.expires_at is None else self.expires_at),
            **({"lastUsed": rfc3339(self.last_used)} if self.last_used else {}),
            **({} if self.caller.may_write or self.caller.principal == SERVICE_ACCOUNT else {"readOnly": True}),
        }


class Access:
    """The accepted tokens; `issued` has them by what is appended to the token, "" for the one with all rights."""

    def __init__(self, world: WorldState, token: str) -> None:
        self._world = world
        members, rng = world.organization.members, random.Random(f"tokens {world.seed}")
        callers = {
            "": Caller(members[0]["userId"]),
            READ_ONLY: Caller(members[1]["userId"], may_write=False),
            MEMBER: Caller(members[2]["userId"], sees_all=False),
            SERVICE: Caller(new_id(rng), may_write=False, principal=SERVICE_ACCOUNT),
        }
        self.issued = {
            suffix: Issued(new_id(rng), caller, "Environment portal", world.instant - 30 * DAY)
            for suffix, caller in callers.items()
        }
        self._by_header = {f"Bearer {token}{suffix}": each for suffix, each in self.issued.items()}

    def caller(self, authorization: str) -> Caller:
        """Whose token it is; Refused as unauthenticated where there is none, or it is unknown or expired."""
        issued = self._by_header.get(authorization)
        if issued is None:
            reason = "invalid token" if authorization else "no bearer token"
            raise Refused("unauthenticated", f"authentication required: {reason}")
        if issued.expires_at is not None and issued.expires_at <= self._world.instant:
            raise Refused("unauthenticated", "authentication required: token expired")
        issued.last_used = self._world.instant
        return issued.caller

    def of(self, subject: str) -> list[Document]:
        """The tokens of a person or a service account."""
        return [each.document(self._world.instant) for each in self.issued.values() if each.caller.subject == subject]


def is_write(rpc: str) -> bool:
    """Whether the method changes anything (tokens for ports, logs and access count: they grant something)."""
    return not rpc.startswith(("Get", "List", "Watch", "Search", "Parse", "Check"))
