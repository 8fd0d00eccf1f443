"""Whether an installation is as it should be: checks that `samplebank doctor` tells, and that `/readyz` answers by."""
