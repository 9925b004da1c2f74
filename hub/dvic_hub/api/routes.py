"""Every URL of the hub on one page: what it is, who may use it, what goes in and what comes out.

The server, its checks and the OpenAPI document are all made from this table; a handler that is not in it is not served.
"""

from dvic_hub.api import (
    agent_socket,
    audit,
    enrolment,
    install,
    keepalive,
    log_views,
    logs,
    metrics,
    nodes,
    openapi,
    overview,
    people,
    releases,
    runs,
    settings,
    status,
    stream_socket,
    streams,
    tokens,
)
from dvic_hub.api.params import PageQuery
from dvic_hub.api.route import Route
from dvic_hub.domain.people import ADMIN, OPERATOR, PUBLIC, VIEWER
from dvic_hub.services.releases import MAX_RELEASE_BYTES

API = "/api/v1"

ROUTES: tuple[Route, ...] = (
    # signing in
    Route("POST", f"{API}/login", PUBLIC, people.login, "Sign in with a password",
          body=people.LoginBody, answer=people.LoginAnswer, problems=(401, 403, 429)),
    Route("POST", f"{API}/logout", VIEWER, people.logout, "End the token that this is sent with", status=204),
    Route("POST", f"{API}/session", PUBLIC, people.begin_session, "Sign the hub's own page in, by a cookie",
          body=people.LoginBody, answer=people.Me, problems=(401, 403, 429)),
    Route("DELETE", f"{API}/session", VIEWER, people.end_session, "Sign the page out", status=204),
    Route("DELETE", f"{API}/logins", VIEWER, people.end_logins, "End all of one's own sign-ins", status=204),
    Route("GET", f"{API}/me", VIEWER, people.me, "Who the sent token stands for", answer=people.Me),
    Route("POST", f"{API}/me/password", VIEWER, people.change_own_password, "Change one's own password",
          body=people.OwnPassword, status=204, problems=(429,)),

    # the hub
    Route("GET", f"{API}/hub", VIEWER, status.hub_status, "The hub's identity and state", answer=status.HubStatus),
    Route("GET", f"{API}/settings", ADMIN, settings.list_settings, "The settings that are in force",
          answer=settings.SettingList),
    Route("GET", f"{API}/hub-key", PUBLIC, enrolment.hub_key, "The hub's public key", answer=enrolment.HubKey),
    Route("GET", f"{API}/openapi.json", PUBLIC, openapi.openapi_document, "This document",
          content="application/vnd.oai.openapi+json"),
    Route("GET", "/healthz", PUBLIC, status.healthz, "Whether the hub and its store answer", answer=status.Health),
    Route("GET", "/metrics", VIEWER, status.prometheus, "The hub's numbers for Prometheus (without a token, if so set)",
          content="text/plain"),

    # what agents and devices use
    Route("GET", f"{API}/agent", PUBLIC, agent_socket.agent, "The agents' WebSocket", socket=True, problems=(426,),
          description="Agent and hub prove their keys to each other before anything else: see docs/protocol.md."),
    Route("POST", f"{API}/enroll", PUBLIC, enrolment.enrol, "Join with an enrolment token",
          body=enrolment.EnrolBody, answer=enrolment.EnrolAnswer, problems=(401, 403, 404, 409, 410, 429)),
    Route("POST", f"{API}/keepalive", PUBLIC, keepalive.keepalive, "A device's signed keepalive",
          body=keepalive.KeepaliveBody, answer=keepalive.KeepaliveAnswer, problems=(401, 403, 404, 409, 429)),

    # what a machine is installed from
    Route("GET", "/install/{secret}", PUBLIC, install.install_script, "The script that installs and enrols a machine",
          content="text/x-shellscript", description=install.__doc__ or ""),
    Route("GET", "/apt/key.asc", PUBLIC, releases.apt_key, "The key that signs the apt repository",
          content="application/pgp-keys"),
    Route("GET", "/apt/{index}", PUBLIC, releases.apt_index, "An index of the apt repository", content="text/plain"),
    Route("GET", "/apt/by-hash/SHA256/{hash}", PUBLIC, releases.apt_by_hash, "An index by its hash",
          content="application/octet-stream"),
    Route("GET", "/apt/pool/{release}", PUBLIC, releases.apt_package, "A package",
          content="application/vnd.debian.binary-package"),
    Route("GET", f"{API}/releases", VIEWER, releases.list_releases, "List the packages that the hub serves",
          query=PageQuery, answer=releases.ReleaseList),
    Route("POST", f"{API}/releases", ADMIN, releases.add_release, "Serve a Debian package to machines",
          upload="application/vnd.debian.binary-package", answer=releases.ReleaseItem, status=201,
          max_body=MAX_RELEASE_BYTES, problems=(409,)),
    Route("DELETE", f"{API}/releases/{{release}}", ADMIN, releases.remove_release, "Serve a package no longer",
          status=204),

    # nodes
    Route("GET", f"{API}/nodes", VIEWER, nodes.list_nodes, "List nodes", query=nodes.NodesQuery, answer=nodes.NodeList),
    Route("POST", f"{API}/nodes", ADMIN, nodes.add_node, "Add a device that can't enrol itself",
          body=nodes.NewNode, answer=nodes.NewNodeAnswer, status=201, problems=(409,)),
    Route("GET", f"{API}/nodes/{{node}}", VIEWER, nodes.show_one_node, "One node, by id or name",
          answer=nodes.NodeItem),
    Route("PATCH", f"{API}/nodes/{{node}}", OPERATOR, nodes.change_node, "Rename or tag a node",
          body=nodes.NodeChange, answer=nodes.NodeItem, problems=(409,)),
    Route("DELETE", f"{API}/nodes/{{node}}", ADMIN, nodes.remove_node, "Remove a node and bar its key", status=204,
          problems=(409,)),
    Route("POST", f"{API}/nodes/{{node}}/revoke", ADMIN, nodes.revoke_node, "Bar a node's key", answer=nodes.NodeItem,
          problems=(409,)),
    Route("GET", f"{API}/nodes/{{node}}/metrics/latest", VIEWER, metrics.latest_metrics, "A node's newest sample",
          answer=metrics.LatestAnswer),
    Route("GET", f"{API}/nodes/{{node}}/demos", VIEWER, metrics.list_demos, "The processes behind a node's log files",
          query=PageQuery, answer=metrics.DemoList),
    Route("GET", f"{API}/overview", VIEWER, overview.fleet_overview, "The newest figures of many nodes in one answer",
          query=overview.OverviewQuery, answer=overview.Overview),
    Route("GET", f"{API}/nodes/{{node}}/streams", VIEWER, streams.list_streams, "What a node reports, and whose files",
          query=PageQuery, answer=streams.StreamList),

    # enrolment tokens
    Route("GET", f"{API}/tokens", OPERATOR, tokens.list_tokens, "List enrolment tokens",
          query=PageQuery, answer=tokens.TokenList),
    Route("POST", f"{API}/tokens", OPERATOR, tokens.add_token, "Make an enrolment token",
          body=tokens.NewToken, answer=tokens.TokenAnswer, status=201, problems=(409,)),
    Route("GET", f"{API}/tokens/{{token}}", OPERATOR, tokens.show_one_token,
          "One enrolment token, and who joined with it", answer=tokens.TokenDetail),
    Route("DELETE", f"{API}/tokens/{{token}}", OPERATOR, tokens.revoke_token, "Revoke an enrolment token", status=204),

    # what nodes report
    Route("GET", f"{API}/logs", VIEWER, logs.search_logs, "Search stored log records",
          query=logs.LogsQuery, answer=logs.LogList),
    Route("GET", f"{API}/logs/levels", VIEWER, log_views.count_levels, "Count stored log records over time, by level",
          query=log_views.LevelsQuery, answer=log_views.LevelsAnswer),
    Route("GET", f"{API}/logs/around", VIEWER, log_views.lines_around, "The lines before and after a log record",
          query=log_views.AroundQuery, answer=log_views.AroundAnswer),
    Route("GET", f"{API}/metrics/series", VIEWER, metrics.metric_series, "Metrics over time",
          query=metrics.SeriesQuery, answer=metrics.SeriesList, problems=(404,)),
    Route("GET", f"{API}/stream", VIEWER, stream_socket.stream, "Live events over WebSocket", socket=True,
          problems=(426,), description=stream_socket.__doc__ or ""),

    # runs
    Route("GET", f"{API}/runs", VIEWER, runs.list_runs, "List runs", query=runs.RunsQuery, answer=runs.RunList),
    Route("POST", f"{API}/runs", OPERATOR, runs.add_run, "Run a command on nodes",
          body=runs.NewRun, answer=runs.RunItem, status=201, max_body=runs.MAX_RUN_BYTES, problems=(409,)),
    Route("GET", f"{API}/runs/{{run}}", VIEWER, runs.show_run, "One run and its nodes", answer=runs.RunItem),
    Route("GET", f"{API}/runs/{{run}}/output", VIEWER, runs.run_output, "What a run wrote",
          query=runs.OutputQuery, answer=runs.OutputList),
    Route("POST", f"{API}/runs/{{run}}/cancel", OPERATOR, runs.cancel_run, "Cancel a run, or some nodes of it",
          body=runs.CancelBody, answer=runs.RunItem, max_body=runs.MAX_RUN_BYTES, problems=(409,)),

    # people
    Route("GET", f"{API}/users", ADMIN, people.list_users, "List users", query=PageQuery, answer=people.UserList),
    Route("POST", f"{API}/users", ADMIN, people.add_user, "Add a user",
          body=people.NewUser, answer=people.UserAnswer, status=201, problems=(409,)),
    Route("PATCH", f"{API}/users/{{user}}", ADMIN, people.change_user, "Change a user's role, password or access",
          body=people.UserChange, answer=people.UserAnswer, problems=(409,)),
    Route("DELETE", f"{API}/users/{{user}}", ADMIN, people.remove_user, "Remove a user and their tokens", status=204,
          problems=(409,)),
    Route("GET", f"{API}/api-tokens", VIEWER, people.list_api_tokens, "List one's own tokens; an admin: everyone's",
          query=PageQuery, answer=people.ApiTokenList),
    Route("POST", f"{API}/api-tokens", VIEWER, people.add_api_token, "Make a token for a program",
          body=people.NewApiToken, answer=people.ApiTokenAnswer, status=201, problems=(409,)),
    Route("DELETE", f"{API}/api-tokens/{{token}}", VIEWER, people.remove_api_token, "Revoke a token", status=204),
    Route("GET", f"{API}/audit", ADMIN, audit.list_audit, "Read the audit log",
          query=audit.AuditQuery, answer=audit.AuditList),
)
