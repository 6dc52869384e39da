"""One of several processes that claim the same payments: `claiming.py STATE_DIR COUNT DAILY_BUDGET [PREFIX]`.

Prints "ready", waits for a line, claims one payment for each of COUNT intents, and prints its nonce or "refused".
"""

import os
import secrets
import sys
from pathlib import Path

from img402_mcp.client.http import Request
from img402_mcp.client.payments.budget import Policy, Spending, decide
from img402_mcp.client.payments.journal import Journal
from img402_mcp.client.payments.payment import PaymentIntent
from img402_mcp.client.payments.payment_required import PaymentRequired, PaymentRequirements
from img402_mcp.client.payments.sign import SignedPayment
from img402_mcp.errors import PaymentRefused
from img402_mcp.wire.x402 import BASE

ORIGIN = "https://api.example"
OFFER = PaymentRequirements(2, BASE, 10_000, "0x" + "20" * 20, 300, {})


def unsigned(offer: PaymentRequirements) -> SignedPayment:
    nonce = "0x" + secrets.token_hex(32)
    return SignedPayment(offer, "0x" + "11" * 20, nonce, 1_790_000_300, "", "PAYMENT-SIGNATURE", f"proof of {nonce}")


def say(line: str) -> None:
    os.write(1, f"{line}\n".encode())


def main(state_dir: str, count: str, budget: str, prefix: str = "") -> None:
    policy = Policy(10_000, int(budget))

    def allowed(spending: Spending) -> PaymentRequirements:
        return decide(PaymentRequired(2, (OFFER,)), ORIGIN, policy, spending)

    say("ready")
    sys.stdin.readline()
    journal = Journal.open(Path(state_dir))
    for number in range(int(count)):
        intent = PaymentIntent(ORIGIN, "/api/upload/token", f"{prefix}{number}")
        request = Request("POST", ORIGIN + intent.route)
        try:
            payment = journal.claim(intent, request, decide=allowed, sign=unsigned, now=1_790_000_000)
        except PaymentRefused:
            say("refused")
        else:
            say(payment.nonce)
    journal.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
