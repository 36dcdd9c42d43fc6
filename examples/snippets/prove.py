"""A withdrawal with its proof, from the question to the fact, on pages of the broker's own: with nothing but the standard library.

SEKISHO is the server's address, SEKISHO_KEY an API key of role `sender`. The server must have a gateway for SMS, and the customer's
profile a telephone number that has stood there for `cooling_hours` (docs/proof.md). With the hosted pages, /v1/handovers takes the place of `prove`.
"""

import datetime
import json
import os
import urllib.error
import urllib.request
import uuid

SERVER = os.environ["SEKISHO"]
KEY = os.environ["SEKISHO_KEY"]
CUSTOMER = "C0012345"


class Refused(Exception):
    """The server says no: a problem document, whose `reason` is a word that stays."""

    def __init__(self, problem):
        super().__init__(problem["detail"])
        self.status = problem["status"]
        self.reason = problem.get("reason")


def post(path, body):
    request = urllib.request.Request(
        SERVER + path,
        data=json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {KEY}", "Content-Type": "application/json"},
    )
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        raise Refused(json.load(refused)) from refused


# What is done, and what the proof is bound to: change one of these, and the proof is for something else.
action = {
    "customer": CUSTOMER,
    "kind": "withdrawal",
    "amount": {"minor": 5000000, "currency": "JPY"},
    "bank_account": {"bank": "0001", "branch": "001", "number": "3000001"},
}
event = dict(
    action,
    id=str(uuid.uuid4()),
    time=datetime.datetime.now(datetime.timezone.utc).isoformat(),
    outcome="attempted",
    channel="web",
    client={"ip": "203.0.113.7", "user_agent": "Mozilla/5.0", "device": "d-1"},
)


def prove(challenge):
    """The customer types the code that comes by SMS, beside amount and account. A wrong one is asked for again, as long as some are looked at."""
    sent = post(f"/v1/challenges/{challenge}/send", {"customer": CUSTOMER, "method": "sms"})
    print("a code is on its way to", sent["code"]["to"], flush=True)
    while True:
        answer = {"customer": CUSTOMER, "method": "sms", "code": input("code: ")}
        try:
            return post(f"/v1/challenges/{challenge}/answer", answer)
        except Refused as refused:
            if refused.reason != "wrong":
                raise
            print("wrong:", refused, flush=True)


def withdraw():
    """Asks, has it proven where proof is asked for, redeems right before it is done, does it, tells it."""
    decision = post("/v1/decide", event)
    factor = None
    if decision["decision"] == "step_up" and "challenge" in decision:
        challenge = decision["challenge"]["id"]
        prove(challenge)
        try:
            factor = post(f"/v1/challenges/{challenge}/redeem", action)["passed"]["factor"]
        except Refused as refused:
            # Not proven, proven for something else, or redeemed before: it is not done.
            return f"not done: {refused}"
    elif decision["decision"] != "allow":
        return "it waits, or is refused: tell the customer so"
    # Here the money leaves. Then the fact, under an id of its own.
    fact = dict(event, id=str(uuid.uuid4()), outcome="succeeded")
    if factor:
        fact["factor"] = factor
    told = post("/v1/events", [fact])
    return f"done, proven by {factor}; told: {told['accepted']}"


print(withdraw())
