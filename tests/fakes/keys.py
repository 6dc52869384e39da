"""Accounts whose keys are public, so real money would not be safe there."""

KEY = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80"
ADDRESS = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
PAYEE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"
"""The first two accounts of every anvil."""

VECTOR_KEY = "0x" + "4c" * 32
VECTOR_PAYEE = "0x77f3c9bCb898Ad1d30e9a336E2cC3108d88D6c09"
"""Signed the shared vectors, and is paid in them."""

SELLING = {"IMG402_HOST_PAY_TO": PAYEE, "IMG402_HOST_FACILITATOR": "play", "IMG402_HOST_NETWORK": "base-sepolia"}
"""The settings of a host that sells for play money."""
