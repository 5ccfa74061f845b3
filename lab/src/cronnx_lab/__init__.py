"""What measures a server or breaks one."""
