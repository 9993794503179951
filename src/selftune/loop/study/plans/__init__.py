"""The plans of studies that come with selftune."""
