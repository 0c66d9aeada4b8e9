"""Label keys that mean something to dnsguard: selectors find objects by them, users cannot always set them."""

NAMESPACE = "projectcalico.org/namespace"
ORCHESTRATOR = "projectcalico.org/orchestrator"
SERVICE_ACCOUNT = "projectcalico.org/serviceaccount"
NAME = "projectcalico.org/name"
KIND = "projectcalico.org/kind"
TIER = "projectcalico.org/tier"
STAGED_ACTION = "projectcalico.org/spec.stagedAction"
NAMESPACE_METADATA_NAME = "kubernetes.io/metadata.name"

NAMESPACE_PREFIX = "pcns."
"""Before the labels that an object inherits from its namespace."""

SERVICE_ACCOUNT_PREFIX = "pcsa."
"""Before the labels that a workload inherits from its service account."""
