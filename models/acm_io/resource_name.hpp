// Names of resources that carry a label of their own: block devices, image files, VLANs.
//
//   phy:xvda            phy:/dev/xvda       a bare name lies in /dev
//   file://var/a.img    file:/var/a.img     repeated slashes and `.` go
//   tap:aio:/var/b.img  the same            a driver stands before the path
//   vlan:7              the same            1 to 4094: 802.1Q reserves 0 and 4095
// `..` is refused: behind a symbolic link it leads elsewhere than it looks, and one file would have two names.
//
// Invariant  normalising twice is normalising once.
// Threads    pure.
// Leaves out symbolic links: no disk is looked at here; who names a device resolves its links first.
// Source     Xen 3.0 to 4.1, xend's resource labels; IEEE 802.1Q.
#pragma once

#include <string>
#include <string_view>

namespace tvdsim::models {

// The one name of a resource, or why it has none.
struct ResourceName {
  std::string text{};
  std::string problem{};  // a sentence; empty when `text` is the name
};
ResourceName normalised_resource(std::string_view name);

}  // namespace tvdsim::models
