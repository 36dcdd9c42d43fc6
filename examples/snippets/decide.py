"""Asks about a login and tells what became of it, with nothing but the standard library.

SEKISHO is the server's address, SEKISHO_KEY an API key of role `sender`.
"""

import datetime
import json
import os
import urllib.error
import urllib.request
import uuid

SERVER = os.environ["SEKISHO"]
KEY = os.environ["SEKISHO_KEY"]
# What holds when the server does not answer: logins are asked for proof that the site can check by itself.
WHEN_SILENT = {"decision": "step_up", "reasons": [], "silent": True}


def post(path, body):
    request = urllib.request.Request(
        SERVER + path,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=2) as answer:
        return json.load(answer)


def decide(event):
    try:
        return post("/v1/decide", event)
    except urllib.error.HTTPError as refused:
        if refused.code < 500:
            # A mistake in what was sent: the problem document says which field, and what is allowed.
            raise SystemExit(f"{refused.code}: {json.load(refused)['detail']}")
        return WHEN_SILENT
    except OSError:
        return WHEN_SILENT


event = {
    "id": str(uuid.uuid4()),
    "time": datetime.datetime.now(datetime.timezone.utc).isoformat(),
    "kind": "login",
    "customer": "C0012345",
    "outcome": "attempted",
    "credential": "correct",
    "client": {"ip": "203.0.113.7", "user_agent": "Mozilla/5.0", "device": "d-1"},
}
decision = decide(event)
print(decision["decision"], [reason["text"] for reason in decision["reasons"]])
if decision["decision"] == "allow":
    told = post("/v1/events", [dict(event, id=str(uuid.uuid4()), outcome="succeeded")])
    print("told:", told["accepted"])
