"""Bad input by the thousand, against a receiver that runs."""
