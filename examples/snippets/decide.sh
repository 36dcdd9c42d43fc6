#!/bin/bash
# Asks about a withdrawal and acts on the answer. SEKISHO is the server's address, SEKISHO_KEY an API key of role `sender`.
set -euo pipefail

ask() { # METHOD PATH BODY
    curl --silent --show-error --max-time 5 --request "$1" "$SEKISHO$2" \
        --header "Authorization: Bearer $SEKISHO_KEY" --header "Content-Type: application/json" --data-binary "$3"
}

action='"customer": "C0012345", "kind": "withdrawal", "amount": {"minor": 5000000, "currency": "JPY"},
        "bank_account": {"bank": "0001", "branch": "001", "number": "3000002"}'
event="{\"id\": \"snippet-$RANDOM-$RANDOM\", \"time\": \"$(date -u +%Y-%m-%dT%H:%M:%SZ)\", \"outcome\": \"attempted\",
        \"client\": {\"ip\": \"203.0.113.7\"}, $action}"

answer=$(ask POST /v1/decide "$event")
decision=$(sed -E 's/.*"decision":"([a-z_]+)".*/\1/' <<<"$answer")
case $decision in
allow) echo "do it" ;;
step_up)
    challenge=$(sed -E 's/.*"challenge":\{"id":"([^"]+)".*/\1/' <<<"$answer")
    echo "proof is asked for: $challenge"
    # The customer is sent to this address, comes back, and only then:
    ask POST /v1/handovers "{\"customer\": \"C0012345\", \"page\": \"verify\", \"challenge\": \"$challenge\"}"
    echo
    echo "redeemed before it was proven:"
    ask POST "/v1/challenges/$challenge/redeem" "{$action}"
    echo
    ;;
hold | deny) echo "tell the customer" ;;
*) echo "not a decision: $answer" && exit 1 ;;
esac
