# Installation: `cmake --install BUILD --prefix DIR [--component NAME]`, and then find_package(tvdsim COMPONENTS acm).
#
# Each library is a component with its archive, its headers (include/tvdsim/…, so that `#include "models/acm/monitor.hpp"` works
# as here) and its own export file. tvdsimConfig.cmake loads a component, what it uses, and looks for nothing that they do not
# link: `acm` needs {fmt} alone. What a library links is asked of the target, so no list here repeats it.
if(SKBUILD)
  return()  # a Python package holds the package alone: pybind/CMakeLists.txt
endif()
include(CMakePackageConfigHelpers)
include(GNUInstallDirs)

set(package_dir ${CMAKE_INSTALL_LIBDIR}/cmake/tvdsim)
set(headers FILES_MATCHING PATTERN "*.hpp" PATTERN "*.h" PATTERN "*.def")

# How find_package spells what a target name of ours comes from.
set(finder_fmt::fmt "find_dependency(fmt)")
set(finder_pugixml::pugixml "find_dependency(pugixml)")
set(finder_nlohmann_json::nlohmann_json "find_dependency(nlohmann_json)")
set(finder_OpenSSL::Crypto "find_dependency(OpenSSL 3.0)")
set(finder_SQLite::SQLite3 "find_dependency(SQLite3)")
set(finder_Threads::Threads "find_dependency(Threads)")
set(finder_Boost::headers "find_dependency(Boost 1.74)")
set(finder_SimGrid::SimGrid "tvdsim_find_plain(SimGrid::SimGrid simgrid/s4u.hpp simgrid libsimgrid-dev)")
set(finder_dl "")  # with the C library
set(finder_libpcap::libpcap "tvdsim_find_plain(libpcap::libpcap pcap/pcap.h pcap libpcap-dev)")
set(finder_libtpms::libtpms "tvdsim_find_plain(libtpms::libtpms libtpms/tpm_library.h tpms libtpms-dev)")

install(TARGETS tvdsim_options EXPORT tvdsim-options)
install(EXPORT tvdsim-options NAMESPACE tvdsim:: DESTINATION ${package_dir} COMPONENT config)

get_property(libraries GLOBAL PROPERTY TVDSIM_LIBRARIES)
foreach(name ${libraries})
  set(target tvdsim_${name})
  install(TARGETS ${target} EXPORT tvdsim-${name} ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR} COMPONENT ${name})
  install(EXPORT tvdsim-${name} NAMESPACE tvdsim:: DESTINATION ${package_dir} COMPONENT ${name})

  get_target_property(folder ${target} SOURCE_DIR)
  file(RELATIVE_PATH folder ${PROJECT_SOURCE_DIR} ${folder})
  install(DIRECTORY ${folder}/ DESTINATION include/tvdsim/${folder} COMPONENT ${name} ${headers})

  # What the component needs: other components of ours, and packages.
  get_target_property(type ${target} TYPE)
  if(type STREQUAL INTERFACE_LIBRARY)
    get_target_property(links ${target} INTERFACE_LINK_LIBRARIES)
  else()
    get_target_property(links ${target} LINK_LIBRARIES)
  endif()
  set(uses)
  set(finders)
  foreach(link ${links})
    if(link MATCHES "^tvdsim::(.*)")
      list(APPEND uses ${CMAKE_MATCH_1})
    elseif(DEFINED finder_${link})
      string(APPEND finders "${finder_${link}}\n")
    elseif(NOT link STREQUAL "tvdsim_options")
      message(FATAL_ERROR "cmake/install.cmake does not know how an installed tvdsim finds ${link}, which ${target} links")
    endif()
  endforeach()
  list(JOIN uses " " uses)
  set(needs ${PROJECT_BINARY_DIR}/tvdsim-${name}-needs.cmake)
  file(CONFIGURE OUTPUT ${needs} CONTENT "set(tvdsim_uses ${uses})\n${finders}" @ONLY)
  install(FILES ${needs} DESTINATION ${package_dir} COMPONENT ${name})
endforeach()
# Headers that the libraries of a layer share.
foreach(name vtpm_device vtpm_evidence vtpm_identity vtpm_served)
  install(DIRECTORY vtpm/ DESTINATION include/tvdsim/vtpm COMPONENT ${name} ${headers}
          PATTERN device EXCLUDE PATTERN evidence EXCLUDE PATTERN identity EXCLUDE PATTERN served EXCLUDE)
endforeach()

configure_package_config_file(cmake/tvdsimConfig.cmake.in ${PROJECT_BINARY_DIR}/tvdsimConfig.cmake
                              INSTALL_DESTINATION ${package_dir})
write_basic_package_version_file(${PROJECT_BINARY_DIR}/tvdsimConfigVersion.cmake COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/tvdsimConfig.cmake ${PROJECT_BINARY_DIR}/tvdsimConfigVersion.cmake cmake/find_plain.cmake
        DESTINATION ${package_dir} COMPONENT config)
install(FILES LICENSE DESTINATION ${CMAKE_INSTALL_DOCDIR} COMPONENT config)
if(TARGET tvdsim-run)
  install(TARGETS tvdsim-run RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR} COMPONENT run)
endif()
