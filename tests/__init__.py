"""The test suite; it mirrors the apps and speaks through public doors."""
