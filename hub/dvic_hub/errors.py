"""What can go wrong at the hub, by blame, with the HTTP status that tells it (RFC 9457 problem documents).

    HubError
    +-- BadRequest 400       the caller's input; names the field and the limit
    +-- NotSignedIn 401      no valid credential
    +-- Forbidden 403        signed in, but the role does not allow it
    +-- NotFound 404
    +-- Conflict 409         the name is taken, the state does not allow it
    +-- Gone 410             an enrolment token that is used up, expired or revoked
    +-- TooLarge 413         a limit was passed
    +-- TooMany 429          try again later (`retry` seconds)
    +-- StoreError 500       the database
        +-- StoreFull 507    the disk has no room; nothing was stored
"""


class HubError(Exception):
    """Base. `code` names the kind of problem for programs, `title` for people; str(error) is the detail.

    `field` names what of the input is meant, `limit` the bound that it passed; both go into the problem document.
    """

    status = 500
    code = "internal"
    title = "The hub failed"

    def __init__(self, detail: str = "", *, code: str = "", field: str = "", limit: int | float | None = None):
        super().__init__(detail)
        self.code = code or type(self).code
        self.field = field
        self.limit = limit


class BadRequest(HubError):
    status, code, title = 400, "bad-request", "The request can't be used"


class NotSignedIn(HubError):
    status, code, title = 401, "not-signed-in", "Sign in first"


class Forbidden(HubError):
    status, code, title = 403, "forbidden", "Your role does not allow this"


class NotFound(HubError):
    status, code, title = 404, "not-found", "There is no such thing"


class Conflict(HubError):
    status, code, title = 409, "conflict", "It conflicts with what is there"


class Gone(HubError):
    status, code, title = 410, "gone", "It is no longer valid"


class TooLarge(HubError):
    status, code, title = 413, "too-large", "A limit was passed"


class TooMany(HubError):
    status, code, title = 429, "too-many", "Too many requests"

    def __init__(self, detail: str, retry: int = 1):
        super().__init__(detail)
        self.retry = retry


class StoreError(HubError):
    status, code, title = 500, "store", "The database failed"


class StoreFull(StoreError):
    status, code, title = 507, "disk-full", "The hub's disk is full"
