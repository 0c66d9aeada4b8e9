"""Who may what: rules × bindings × caller → allowed or not, as Kubernetes and Calico decide it. Pure."""
