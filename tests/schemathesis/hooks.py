"""Three calls of four are about a session that is there, with a token that may make them.

Without this nearly all of them would end at "Session not found", before anything of them is looked at.
"""

import json
import random
import urllib.request

import schemathesis
from schemathesis import GenerationMode
from schemathesis.core.parameters import ParameterLocation

chance = random.Random(7)


def post(base_url, path, body):
    request = urllib.request.Request(base_url.rstrip("/") + path, json.dumps(body).encode(), method="POST")
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def is_well_formed(case, location):
    """What is malformed on purpose stays as it is: that it is refused is what is tested."""
    component = case.meta.components.get(location) if case.meta else None
    return component is None or component.mode == GenerationMode.POSITIVE


@schemathesis.hook
def before_call(context, case, kwargs):
    if "{id}" not in case.path or chance.random() < 0.25 or not is_well_formed(case, ParameterLocation.PATH):
        return
    base_url = kwargs.get("base_url") or case.operation.base_url
    session = post(base_url, "/api/sessions", {"expires_in_minutes": 60})
    case.path_parameters["id"] = session["session_id"]
    if "user_id" in case.path_parameters:
        person = post(base_url, f"/api/sessions/{session['session_id']}/join", {"display_name": "Ada"})
        case.path_parameters["user_id"] = person["user_id"]
    if case.method in ("PATCH", "DELETE") and is_well_formed(case, ParameterLocation.HEADER):
        case.headers["Authorization"] = f"Bearer {session['creator_token']}"
