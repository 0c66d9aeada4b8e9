"""Who may do what: Kubernetes' roles, with Calico's tiers."""
