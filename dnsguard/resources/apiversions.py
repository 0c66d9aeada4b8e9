"""The API groups and versions of the kinds."""

PROJECTCALICO = "projectcalico.org/v3"
CORE = "v1"
NETWORKING = "networking.k8s.io/v1"
RBAC = "rbac.authorization.k8s.io/v1"
DNSGUARD = "dnsguard.io/v1"
