"""Manifests for the tests of the command line."""

TIER = "apiVersion: projectcalico.org/v3\nkind: Tier\nmetadata: {name: security}\nspec: {order: 10}\n"
SET = """\
apiVersion: projectcalico.org/v3
kind: NetworkSet
metadata:
  name: partners
  namespace: shop
  labels: {role: partner}
spec:
  nets: [192.0.2.0/24]
  allowedEgressDomains: ["*.example.org"]
"""
POLICY = """\
apiVersion: projectcalico.org/v3
kind: NetworkPolicy
metadata:
  name: security.partners
  namespace: shop
spec:
  tier: security
  order: 5
  selector: app == 'web'
  egress:
  - action: Allow
    protocol: TCP
    destination:
      selector: role == 'partner'
      ports: [443]
"""
ALL = f"{POLICY}---\n{SET}---\n{TIER}"
