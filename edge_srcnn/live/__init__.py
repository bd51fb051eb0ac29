"""Live pictures: every thread, time limit, retry and failover."""
