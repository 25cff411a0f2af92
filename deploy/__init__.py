"""What runs an installation: its environment, its processes, its demo and its checks."""
