"""Train a network: plan, network, optimizer, losses, teachers, checkpoints."""
