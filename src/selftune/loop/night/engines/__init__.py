"""Who trains several tries beside each other: nobody, or a cluster of processes on this machine."""
