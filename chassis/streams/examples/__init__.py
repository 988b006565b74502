"""The examples of the README, as they are run by the tests."""
