"""Install the service's unit, remove it, and ask systemd how its instances are."""
