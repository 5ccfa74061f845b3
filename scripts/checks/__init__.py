"""What has to hold before a change is submitted."""
