"""The other servers (peers), each set up as in its documentation."""
