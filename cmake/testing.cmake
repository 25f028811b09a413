# Tests, declared in each folder:
#   tvdsim_test(NAME acm_wall_test SOURCES … USES tvdsim::acm … LABELS unit quick)     a GoogleTest program
#   tvdsim_pytest(NAME style PATHS layering_test.py … LABELS style)                    pytest files of the folder
#
# Labels say what a test is (unit property differential golden conformance style install python cli) and where else it runs:
#   quick        also under ASan and UBSan, from clang (target quick_tests, preset clang)
#   tsan         also under ThreadSanitizer (target tsan_tests, preset tsan)
#   fuzz         with clang's libFuzzer only (target clang_tests, preset clang)
# Each test leaves <build>/results/NAME.xml: what ran, case by case. tests/workflow.py and docs/check_features.py read it.
find_package(GTest REQUIRED)
find_package(rapidcheck QUIET)
include(GoogleTest)

# What is tested has this build's optimisation and sanitizers; the tests themselves are compiled in a third of the time, without
# optimisation and UBSan (cmake/options.cmake).
find_program(TVDSIM_GOLD ld.gold DOC "links test programs in half the time")
if(TVDSIM_GOLD AND NOT TVDSIM_SANITIZE)  # of a sanitizer's symbols it complains at each program
  set(TVDSIM_TEST_LINKER -fuse-ld=gold)
endif()
function(tvdsim_compile_as_test target)
  target_link_options(${target} PRIVATE ${TVDSIM_TEST_LINKER})
  set_target_properties(${target} PROPERTIES TVDSIM_IS_TEST ON)
  target_compile_options(${target} PRIVATE -O0)
endfunction()

foreach(group quick_tests tsan_tests clang_tests)
  if(NOT TARGET ${group})
    add_custom_target(${group})
  endif()
endforeach()

# What most tests include, parsed once for all of them. Its program does nothing: it lends its precompiled header.
file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/headers.cpp CONTENT "int main() {}\n")
add_executable(tvdsim_test_headers ${CMAKE_CURRENT_BINARY_DIR}/headers.cpp)
target_link_libraries(tvdsim_test_headers PRIVATE tvdsim_options GTest::gtest_main GTest::gmock)
target_precompile_headers(tvdsim_test_headers PRIVATE <gtest/gtest.h> <algorithm> <array> <cstdio> <cstdlib> <cstring>
  <filesystem> <fstream> <functional> <map> <memory> <optional> <set> <span> <sstream> <string> <string_view> <thread> <unordered_map>
  <variant> <vector>)
tvdsim_compile_as_test(tvdsim_test_headers)

# Sets the labels and what every test may rely on in its environment; adds programs to the groups of their labels.
function(tvdsim_declare_test name labels)
  set_tests_properties(${name} PROPERTIES LABELS "${labels}" TIMEOUT 600)
  set_property(TEST ${name} APPEND PROPERTY ENVIRONMENT
    "GTEST_OUTPUT=xml:${PROJECT_BINARY_DIR}/results/${name}.xml"
    "TVDSIM_SOURCE_DIR=${PROJECT_SOURCE_DIR}" "TVDSIM_BUILD_DIR=${PROJECT_BINARY_DIR}")
  foreach(target ${ARGN})
    if("quick" IN_LIST labels)
      add_dependencies(quick_tests ${target})
    endif()
    if("tsan" IN_LIST labels)
      add_dependencies(tsan_tests ${target})
    endif()
    if("fuzz" IN_LIST labels)
      add_dependencies(clang_tests ${target})
    endif()
  endforeach()
endfunction()

function(tvdsim_test)
  cmake_parse_arguments(arg "" "NAME" "SOURCES;USES;LABELS" ${ARGN})
  add_executable(${arg_NAME} ${arg_SOURCES})
  target_link_libraries(${arg_NAME} PRIVATE tvdsim_options ${arg_USES} GTest::gtest_main GTest::gmock)
  if("property" IN_LIST arg_LABELS)  # its oracle computes as much as what it is held against
    target_link_options(${arg_NAME} PRIVATE ${TVDSIM_TEST_LINKER})
  else()
    tvdsim_compile_as_test(${arg_NAME})
  endif()
  if(NOT "property" IN_LIST arg_LABELS AND NOT arg_SOURCES MATCHES "\\.c(;|$)")
    target_precompile_headers(${arg_NAME} REUSE_FROM tvdsim_test_headers)
  endif()
  add_test(NAME ${arg_NAME} COMMAND ${arg_NAME})
  tvdsim_declare_test(${arg_NAME} "${arg_LABELS}" ${arg_NAME})
endfunction()

# PATHS are relative to the calling folder; `tests/support` and the built package are importable.
function(tvdsim_pytest)
  cmake_parse_arguments(arg "" "NAME" "PATHS;LABELS" ${ARGN})
  list(TRANSFORM arg_PATHS PREPEND "${CMAKE_CURRENT_SOURCE_DIR}/")
  add_test(NAME ${arg_NAME}
    COMMAND ${Python3_EXECUTABLE} -m pytest -q -p no:cacheprovider --import-mode=importlib --rootdir=${PROJECT_SOURCE_DIR}
            --junitxml=${PROJECT_BINARY_DIR}/results/${arg_NAME}.xml -o junit_family=xunit1 ${arg_PATHS}
    WORKING_DIRECTORY ${PROJECT_BINARY_DIR})
  tvdsim_declare_test(${arg_NAME} "${arg_LABELS}")
  set_property(TEST ${arg_NAME} APPEND PROPERTY ENVIRONMENT
    "PYTHONPATH=${PROJECT_BINARY_DIR}/python:${PROJECT_SOURCE_DIR}/tests/support" "PYTHONDONTWRITEBYTECODE=1" "HYPOTHESIS_STORAGE_DIRECTORY=${PROJECT_BINARY_DIR}/hypothesis")
endfunction()
