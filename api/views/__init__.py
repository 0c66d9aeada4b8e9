"""What Kubernetes has no word for: ``/v1/``."""
