# Everything from Debian 12; the package names are in .ci/packages. Found once, used by target name in the folders.
find_package(Threads REQUIRED)
find_package(OpenSSL 3.0 REQUIRED)
find_package(SQLite3 REQUIRED)
find_package(fmt REQUIRED)
find_package(nlohmann_json REQUIRED)
find_package(pugixml REQUIRED)
find_package(Boost 1.74 REQUIRED)

include(${CMAKE_CURRENT_LIST_DIR}/find_plain.cmake)
tvdsim_find_plain(SimGrid::SimGrid simgrid/s4u.hpp simgrid libsimgrid-dev)
tvdsim_find_plain(libtpms::libtpms libtpms/tpm_library.h tpms libtpms-dev)
tvdsim_find_plain(libpcap::libpcap pcap/pcap.h pcap libpcap-dev)

# The interpreter that python3-dev belongs to; another python3 may come first on PATH.
if(NOT DEFINED Python3_EXECUTABLE AND EXISTS /usr/bin/python3)
  set(Python3_EXECUTABLE /usr/bin/python3 CACHE FILEPATH "The Python interpreter")
endif()
find_package(Python3 3.11 REQUIRED COMPONENTS Interpreter)
