// Figure 4: of twelve ordered probes exactly four succeed, and each restriction alone holds something up.
#include "tests/unit/models/host/vlan_lab.hpp"

namespace tvdsim::tests {
namespace {

const std::vector<std::string> kVms = {"ma1", "su1", "ma2", "su2"};

// F-049
TEST(Figure4, OfTwelveOrderedProbesExactlyFourSucceed) {
  VlanLab lab(figure4());
  EXPECT_EQ(lab.reached(kVms), 4u);
  EXPECT_TRUE(lab.reaches("ma1", "ma2") && lab.reaches("ma2", "ma1"));
  EXPECT_TRUE(lab.reaches("su1", "su2") && lab.reaches("su2", "su1"));
  for (const auto& row : lab.texts(sim::TableId::probes, "result"))
    EXPECT_TRUE(row == "answered" || row == "lost") << row;
  EXPECT_FALSE(lab.leaked("ma1", "su1") || lab.leaked("ma1", "su2"));
}

}  // namespace
}  // namespace tvdsim::tests
