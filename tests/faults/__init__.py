"""What happens when the wire breaks: a proxy that cuts connections, and the tests that use it."""
