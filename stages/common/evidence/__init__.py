"""What results say: predictions, intervals, claims, calibration, studies, latency, and the catalogue."""
