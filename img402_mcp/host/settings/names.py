"""Every variable that the host reads. `check` refuses a misspelt one."""

from img402_mcp.host.settings.apis import APIS
from img402_mcp.variable_names import VariableNames

HOST_VARIABLES = VariableNames(
    prefix="IMG402_HOST_",
    known=frozenset(
        {
            "IMG402_HOST_ACCEL_LOCATION",
            "IMG402_HOST_ANSWER_SECONDS",
            "IMG402_HOST_BLOBS",
            "IMG402_HOST_BODY_RATE",
            "IMG402_HOST_BODY_SECONDS",
            "IMG402_HOST_CONNECTIONS",
            "IMG402_HOST_DATA",
            "IMG402_HOST_DATABASE",
            "IMG402_HOST_DELETE",
            "IMG402_HOST_DRAIN_SECONDS",
            "IMG402_HOST_FACILITATOR",
            "IMG402_HOST_FACILITATOR_URL",
            "IMG402_HOST_FREE_DAILY",
            "IMG402_HOST_FREE_DAILY_PER_ADDRESS",
            "IMG402_HOST_FREE_DAYS",
            "IMG402_HOST_FREE_MAX_BYTES",
            "IMG402_HOST_FREE_TIERS",
            "IMG402_HOST_HEAD_SECONDS",
            "IMG402_HOST_IMAGE_MAX_AGE",
            "IMG402_HOST_IMAGE_URL",
            "IMG402_HOST_MAX_TOTAL_BYTES",
            "IMG402_HOST_METRICS",
            "IMG402_HOST_MIN_FREE_BYTES",
            "IMG402_HOST_NETWORK",
            "IMG402_HOST_PAID_DAYS",
            "IMG402_HOST_PAID_MAX_BYTES",
            "IMG402_HOST_PAY_TO",
            "IMG402_HOST_PRICE",
            "IMG402_HOST_PUBLIC_URL",
            "IMG402_HOST_RPC_URL",
            "IMG402_HOST_SECRET",
            "IMG402_HOST_STOP_SECONDS",
            "IMG402_HOST_TOKEN_MINUTES",
            "IMG402_HOST_TRUSTED_PROXIES",
            "IMG402_HOST_TRUST_USED",
        }
    ).union(*(api.variables for api in APIS)),
    # A client on the same machine reads these two. Any other name that only lacks HOST_ is a mistake.
    others=("IMG402_PAY_TO", "IMG402_RPC_URL"),
)
