// Does a binary policy stem from this XML? Its hash says so, whichever compiler wrote it.
#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "models/acm_io/binary_hash.hpp"
#include "models/acm_io/binary_reader.hpp"
#include "models/acm_io/xml_reader.hpp"
#include "models/acm_io/xml_writer.hpp"
#include "tests/unit/models/acm_io/small_policy.hpp"

namespace tvdsim::models {
namespace {

using ::testing::IsEmpty;
using ::testing::SizeIs;

constexpr std::string_view kCommented = "<!-- reviewed & <signed> -->\n";

TEST(PolicyHash, ABinaryBelongsToTheXmlItWasCompiledFromWhateverItsLayout) {
  const std::string xml = write_policy_xml(small());
  const auto policy = load_policy_xml(xml, "p.xml", PolicyMode::strict).policy;
  ASSERT_TRUE(policy);
  sim::Findings findings;
  const BinaryPolicy binary = read_policy_binary(write_policy_binary(*policy), "p.bin", findings);
  EXPECT_EQ(hash_belongs(xml, "p.xml", binary, findings), HashMatch::canonical);
  std::string commented = xml;
  commented.insert(commented.find("<PolicyHeader"), kCommented);
  EXPECT_EQ(hash_belongs(commented, "p.xml", binary, findings), HashMatch::canonical);
  EXPECT_THAT(findings.list(), IsEmpty()) << said(findings);
}

TEST(PolicyHash, AnyChangeOfTheXmlThatDecidesIsDetected) {
  const PolicyDef def = small();
  sim::Findings none;
  const BinaryPolicy binary = read_policy_binary(small_binary(), "p.bin", none);
  const std::vector<std::function<void(PolicyDef&)>> changes = {
      [](PolicyDef& d) { d.name = "smaller"; },
      [](PolicyDef& d) { d.version.minor = 1; },
      [](PolicyDef& d) {
        d.vm_labels[1].ste = {"A", "B"};
      },
      [](PolicyDef& d) { d.vm_labels[1].name = "c"; },
      [](PolicyDef& d) { d.conflict_sets.clear(); },
      [](PolicyDef& d) {
        d.conflict_sets[0].types = {"A", "U"};
      },
      [](PolicyDef& d) { d.resource_labels[0].ste = {"B"}; },
      [](PolicyDef& d) { d.bootstrap = "a"; },
  };
  for (std::size_t i = 0; i < changes.size(); ++i) {
    SCOPED_TRACE(i);
    PolicyDef changed = def;
    changes[i](changed);
    sim::Findings findings;
    EXPECT_EQ(hash_belongs(write_policy_xml(changed), "p.xml", binary, findings), HashMatch::none);
    ASSERT_THAT(findings.list(), SizeIs(1)) << said(findings);
    EXPECT_EQ(findings.list()[0].code, "TVD-338");
    EXPECT_EQ(findings.list()[0].where, "p.xml");
  }
}

TEST(PolicyHash, XmlThatCannotBeReadBelongsToNothing) {
  sim::Findings findings;
  const BinaryPolicy binary = read_policy_binary(small_binary(), "p.bin", findings);
  EXPECT_EQ(hash_belongs("<SecurityPolicyDefinition", "p.xml", binary, findings), HashMatch::none);
  ASSERT_FALSE(findings.list().empty());
  EXPECT_EQ(findings.list()[0].code, "TVD-310");
}

TEST(PolicyHash, XensHashCountsCommentsAndLayoutAndIsRecognised) {
  std::string xml = write_policy_xml(small());
  const auto policy = load_policy_xml(xml, "p.xml", PolicyMode::strict).policy;
  ASSERT_TRUE(policy);
  sim::Findings findings;
  const BinaryPolicy binary =
      read_policy_binary(write_policy_binary(*policy, xen_hash(xml)), "p.bin", findings);
  EXPECT_EQ(hash_belongs(xml, "p.xml", binary, findings), HashMatch::xen);
  xml.insert(xml.find("<PolicyHeader"), kCommented);
  EXPECT_EQ(hash_belongs(xml, "p.xml", binary, findings), HashMatch::none);
  EXPECT_EQ(findings.list().back().code, "TVD-338");
}

// SHA-1 of what Python 2.7's minidom makes of the text: attributes sorted, entities spelled its way, empty elements closed.
TEST(PolicyHash, XensHashIsOverTheTextAsItsXmlLibraryWroteIt) {
  const std::string_view as_written =
      "<?xml version='1.0' encoding='UTF-8'?>\n<!-- c > d -->\n<r z='1' a='&lt;&quot;'>\r\n  "
      "<e></e>&gt;'\"&amp;\n</r>\n";
  const std::string_view as_minidom_writes =
      "<?xml version=\"1.0\" ?><!-- c > d --><r a=\"&lt;&quot;\" z=\"1\">\n  <e/>&gt;'&quot;&amp;\n</r>";
  EXPECT_EQ(xen_hash(as_written), xen_hash(as_minidom_writes));
  const std::string hash = fmt::format("{:02x}", fmt::join(xen_hash(as_written), ""));
  EXPECT_EQ(hash, "50f26dd953a3280a527a60f6629d4f55dae227e0");
}

}  // namespace
}  // namespace tvdsim::models
