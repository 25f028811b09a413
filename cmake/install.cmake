# Installation: libraries, headers, the find_package files, the Python package.
