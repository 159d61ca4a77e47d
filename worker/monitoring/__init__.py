"""What a worker reports about itself: heartbeat, throughput, metrics, watchdog."""
