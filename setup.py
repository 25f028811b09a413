"""pip install . --no-build-isolation, with Debian's python3-skbuild: CMake builds the core, this names the package."""

from skbuild import setup

setup(
    name="tvdsim",
    version="0.1.0",
    description="Trusted virtual datacenters, simulated around real security",
    license="BSD-3-Clause",
    python_requires=">=3.9",
    packages=["tvdsim", "tvdsim.cli"],
    package_dir={"": "pybind"},
    package_data={"tvdsim": ["py.typed", "_core.pyi"]},
    cmake_install_dir="pybind",
    cmake_args=["-DTVDSIM_TESTS=OFF", "-DCMAKE_UNITY_BUILD=ON"],
    entry_points={"console_scripts": ["tvdsim = tvdsim.cli:main"]},
)
