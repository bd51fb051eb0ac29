"""The training: plan, network, optimizer, losses, teachers, checkpoints."""
