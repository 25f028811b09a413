#include "vtpm/device/commands.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <set>

#include "sim/base/error.hpp"

namespace tvdsim::vtpm {
namespace {

using Bytes = std::vector<std::uint8_t>;

TEST(Commands, AreTheBytesThatTheSpecificationPrescribes) {
  EXPECT_EQ(startup_command(StartupType::clear), (Bytes{0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x44, 0, 0}));
  EXPECT_EQ(get_random_command(16), (Bytes{0x80, 0x01, 0, 0, 0, 12, 0, 0, 0x01, 0x7b, 0, 16}));
  // One bank, PCR 10: the third bit of the second selection byte.
  EXPECT_EQ(pcr_read_command(HashAlg::sha256, 10),
            (Bytes{0x80, 0x01, 0, 0, 0, 20, 0, 0, 0x01, 0x7e, 0, 0, 0, 1, 0, 0x0b, 3, 0, 0x04, 0}));
  const BankDigest digest{HashAlg::sha1, Bytes(20, 0xaa)};
  Bytes extend{0x80, 0x02, 0, 0, 0,    53, 0, 0, 0x01, 0x82, 0, 0, 0, 7,  // header, PCR 7
               0,    0,    0, 9, 0x40, 0,  0, 9, 0,    0,    0, 0, 0,     // the empty password
               0,    0,    0, 1, 0,    4};                                // one digest, SHA-1
  extend.insert(extend.end(), 20, 0xaa);
  EXPECT_EQ(pcr_extend_command(7, {&digest, 1}), extend);
}

TEST(ResponseCodes, AreNamedWithTheHandleOrParameterTheyPointAt) {
  EXPECT_EQ(describe(0x100).name, "TPM_RC_INITIALIZE");
  EXPECT_EQ(describe(0x101).name, "TPM_RC_FAILURE");
  EXPECT_EQ(describe(0x902).name, "TPM_RC_OBJECT_MEMORY");
  const ResponseCode second_parameter = describe(0x2d5);
  EXPECT_EQ(second_parameter.name, "TPM_RC_SIZE");
  EXPECT_EQ(second_parameter.parameter, 2);
  const ResponseCode first_session = describe(0x98e);
  EXPECT_EQ(first_session.name, "TPM_RC_AUTH_FAIL");
  EXPECT_EQ(first_session.session, 1);
  EXPECT_EQ(first_session.parameter, 0);
  const ResponseCode first_handle = describe(0x18b);
  EXPECT_EQ(first_handle.name, "TPM_RC_HANDLE");
  EXPECT_EQ(first_handle.handle, 1);
  EXPECT_EQ(describe(0x97f).name, "TPM_RC_UNKNOWN");
  EXPECT_EQ(describe(0xdeadbeef).name, "TPM_RC_UNKNOWN");
}

TEST(ResponseCodes, AreEachNamedOnceInTheTable) {
  std::set<std::string_view> names;
  std::set<std::uint32_t> values;
  std::size_t rows = 0;
#define RC(name, value, meaning, look_at) names.insert(#name), values.insert(value), ++rows;
#include "vtpm/device/response_codes.def"
#undef RC
  EXPECT_EQ(names.size(), rows);
  EXPECT_EQ(values.size(), rows);
  EXPECT_GE(rows, 80u);
}

TEST(Responses, ThatEndTooEarlyAreRefusedByName) {
  const Bytes whole{0x80, 0x01, 0, 0, 0, 16, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4};
  EXPECT_EQ(read_random_response(whole), (Bytes{1, 2, 3, 4}));
  for (std::size_t n = 0; n < whole.size(); ++n) {
    try {
      read_random_response(std::span(whole).first(n));
      FAIL() << "accepted " << n << " bytes";
    } catch (const sim::WorldError& e) {
      EXPECT_EQ(e.name(), "short_response");
    }
  }
}

TEST(Responses, ThatReportAFailureCarryItsNameItsMeaningAndAHint) {
  const Bytes response{0x80, 0x01, 0, 0, 0, 10, 0, 0, 0x01, 0x00};
  try {
    expect_success(response, "reading PCR 3");
    FAIL();
  } catch (const sim::WorldError& e) {
    EXPECT_EQ(e.name(), "TPM_RC_INITIALIZE");
    EXPECT_NE(std::strstr(e.what(), "reading PCR 3"), nullptr) << e.what();
    EXPECT_NE(std::strstr(e.what(), "TPM2_Startup is due"), nullptr) << e.what();
    EXPECT_NE(e.help(), "");
  }
}

}  // namespace
}  // namespace tvdsim::vtpm
