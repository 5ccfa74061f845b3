"""What a server does when it gets more requests than it can answer."""
