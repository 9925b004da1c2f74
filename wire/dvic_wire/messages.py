"""Every message between agent and hub, one frozen dataclass each. `docs/protocol.md` shows an example of each.

The order of a connection (A: agent, H: hub); anything out of order ends it with `Refused`:

    A Hello        who I say I am, and a nonce
    H HubProof     signed over the agent's nonce; until this holds, the agent accepts nothing else
    A NodeProof    signed over the hub's nonce, with what the machine is
    H Welcome      all cursors, the clock, what runs the hub believes in      | H Refused
    A Batch, KeepAlive, RunReply ...        H Ack, RunRequest, RunCancel, Settings ...

Records inside a batch stay plain JSON objects here; their shapes are in `records.py`.
Times are whole microseconds since 1970 (UTC) unless a field says otherwise.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Hello:
    """First word of the agent. `protocols`: versions it speaks. `nonce`: 16 random bytes, base64url.
    `instance`: random at every start of the agent, so that two agents with one key are told apart."""

    node: str
    protocols: list
    nonce: str
    instance: str
    agent_version: str


@dataclass(frozen=True)
class HubProof:
    """`jws`: HUB_PROOF, claims `iss` (hub fingerprint), `aud` (node id), `nonce` (the agent's), `hub_nonce`,
    `protocol`."""

    jws: str


@dataclass(frozen=True)
class NodeProof:
    """`jws`: NODE_PROOF, claims `iss` (node id), `aud` (hub fingerprint), `nonce` (the hub's), `instance`.
    `facts`: what the machine is: os, kernel, model, machine_id, hostname, arch, boot_id ... texts."""

    jws: str
    facts: dict


@dataclass(frozen=True)
class Welcome:
    """The connection stands. `cursors`: every open stream of the node. `serial`: highest keepalive serial seen.
    `time`: the hub's clock. `runs`: ids that the hub believes to be running here. `settings`: see Settings."""

    node: str
    name: str
    cursors: dict
    serial: int
    time: int
    runs: list = field(default_factory=list)
    settings: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Refused:
    """The connection ends. `code`: removed, revoked, unknown, conflict, protocol, signature, order, malformed, limit,
    busy. `retry`: seconds to wait before the next try (0: the agent's own backoff)."""

    code: str
    reason: str
    retry: int = 0


@dataclass(frozen=True)
class Batch:
    """Records of one stream between two cursors. `source`: the name people see (`journal`, `dvic_log_x`).
    `about`: of a file stream: path, owner, uid, header (a claim). `closed`: the stream has ended."""

    stream: str
    from_cursor: str
    to_cursor: str
    source: str
    records: list
    about: dict = field(default_factory=dict)
    closed: bool = False


@dataclass(frozen=True)
class Ack:
    """What the hub holds now for `stream`. `stored` is False when the batch did not start there: read again from
    `cursor`. `closed`: the hub has no (more) interest in the stream: a run that has ended, a closed stream.
    `reason`: set when a batch can't be stored yet (`disk-full`): wait `retry` seconds."""

    stream: str
    cursor: str
    stored: bool = True
    closed: bool = False
    reason: str = ""
    retry: int = 0


@dataclass(frozen=True)
class KeepAlive:
    """`jws`: KEEPALIVE_*, claims `iss` (node id), `aud` (hub fingerprint), `serial` (grows by at least one),
    `period` (seconds until the next one is promised), optional `numbers` and `status`."""

    jws: str


@dataclass(frozen=True)
class Settings:
    """What the hub would like of the agent: `values` maps keepalive_period (s), hardware_period (s), to numbers, and
    log_levels to the least level of each service or `service/component` that has one."""

    values: dict


@dataclass(frozen=True)
class RunRequest:
    """`jws`: RUN, claims `iss` (hub fingerprint), `aud` (node id), `jti` (run id), `spec` (see runs.RunSpec), `by`
    (who asked), optional `operator` (a JWS of the operator's own). Handed to the executor as it is.
    `request`: what the executor is asked for: run, update (then `jws` is UPDATE, see updates.py), enroll (then it is
    ENROLL_SSH, claims `iss`, `aud`, `jti`, `by`, `target` {user, host, port}, see pushing.py), terminal (then it is
    TERMINAL, claims `iss`, `aud`, `jti`, `by`, `terminal`, see terminals.TerminalSpec), or copy (then it is COPY,
    claims `iss`, `aud`, `jti`, `by`, `copy`, see copies.CopySpec)."""

    run: str
    jws: str
    request: str = "run"


@dataclass(frozen=True)
class RunCancel:
    """`jws`: CANCEL, claims `iss`, `aud` (node id), `jti` (run id), `by`."""

    run: str
    jws: str


@dataclass(frozen=True)
class RunAnswer:
    """What the run `run` asked for while it goes on. `jws`: ENROLL_ANSWER, claims `iss`, `aud` (node id), `jti` (run
    id), `host_key`, `secret` and `script` (sealed), `arguments`. Handed to the executor as it is."""

    run: str
    jws: str


@dataclass(frozen=True)
class RunReply:
    """The executor's answer to a request, or what the agent knows of a run. `state`: running (accepted), or one of
    refused, failed, cancelled, lost, expired. `reason` is for people. Ends of started runs come in the run's stream."""

    run: str
    state: str
    reason: str = ""


@dataclass(frozen=True)
class UpdateConfirm:
    """The hub has welcomed the agent that the update `run` installed. `jws`: UPDATE_CONFIRM, claims `iss`, `aud` (node
    id), `jti` (run id), `version`. Handed to the executor as it is; without it the update is undone."""

    run: str
    jws: str


@dataclass(frozen=True)
class Leave:
    """The node was removed from the hub. `jws`: LEAVE, claims `iss`, `aud` (node id), `by`, `reason`. Handed to the
    executor, which forgets the hub; the connection ends after it."""

    jws: str


@dataclass(frozen=True)
class TerminalResume:
    """H: send the output of the terminal `run` from `offset` (bytes from its start) on, or from the oldest byte that is
    still there. The agent begins with TerminalTaken. Without this it carries nothing of a terminal."""

    run: str
    offset: int


@dataclass(frozen=True)
class TerminalInput:
    """H: `jws`: TERMINAL_INPUT by the session's own key (terminals.sign_input). Handed to the terminal as it is."""

    run: str
    jws: str


@dataclass(frozen=True)
class TerminalAck:
    """H: all output before `offset` has arrived and is safe; the terminal may write as much more."""

    run: str
    offset: int


@dataclass(frozen=True)
class TerminalOutput:
    """A: `data` (base64, at most MAX_TERMINAL_PIECE bytes) is what the terminal wrote at `offset`."""

    run: str
    offset: int
    data: str


@dataclass(frozen=True)
class TerminalTaken:
    """A: the terminal has taken the inputs up to number `n` (0: none yet)."""

    run: str
    n: int


@dataclass(frozen=True)
class CopyResume:
    """H: carry the copy `run` from now on. `offset`: of a file that comes from the machine, how much of it is safe at
    the hub. The machine answers with CopyTaken, or CopyFile; without this nothing of a copy is carried."""

    run: str
    offset: int


@dataclass(frozen=True)
class CopyPiece:
    """H to the machine, A from it: `data` (base64, at most MAX_PIECE bytes) stands at `offset` in the file."""

    run: str
    offset: int
    data: str


@dataclass(frozen=True)
class CopyTaken:
    """The answer to pieces, from where they went: all before `offset` has been taken."""

    run: str
    offset: int


@dataclass(frozen=True)
class CopyFile:
    """A: what the file is that is copied from the machine. `about`: see copies.FileAbout; once all of it was read it
    comes again, with its sha256."""

    run: str
    about: dict


@dataclass(frozen=True)
class Problem:
    """One message could not be used, the connection goes on. `code` as in errors, `about` names the message."""

    code: str
    reason: str
    about: str = ""


@dataclass(frozen=True)
class Goodbye:
    """A clean stop, either side. `reason`: stopping, restarting, updating."""

    reason: str = "stopping"


KINDS: dict[str, type] = {
    "hello": Hello, "hub_proof": HubProof, "node_proof": NodeProof, "welcome": Welcome, "refused": Refused,
    "batch": Batch, "ack": Ack, "keepalive": KeepAlive, "settings": Settings, "run_request": RunRequest,
    "run_cancel": RunCancel, "run_answer": RunAnswer, "run_reply": RunReply, "update_confirm": UpdateConfirm,
    "leave": Leave, "terminal_resume": TerminalResume, "terminal_input": TerminalInput, "terminal_ack": TerminalAck,
    "terminal_output": TerminalOutput, "terminal_taken": TerminalTaken,
    "copy_resume": CopyResume, "copy_piece": CopyPiece, "copy_taken": CopyTaken, "copy_file": CopyFile,
    "problem": Problem, "goodbye": Goodbye,
}
"""The name of each message on the wire."""

Message = (Hello | HubProof | NodeProof | Welcome | Refused | Batch | Ack | KeepAlive | Settings | RunRequest
           | RunCancel | RunAnswer | RunReply | UpdateConfirm | Leave | TerminalResume | TerminalInput
           | TerminalAck | TerminalOutput | TerminalTaken | CopyResume | CopyPiece | CopyTaken | CopyFile | Problem
           | Goodbye)
