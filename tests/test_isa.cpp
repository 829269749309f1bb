#include "tensor/isa.h"

#include <unistd.h>

#include <cstdio>
#include <string>

#include "tests/kernel_testing.h"

namespace tensor {
namespace {

/// Runs the test below in a process of its own, with MODE_ISA set, and returns all that it prints.
std::string run_with(const std::string& mode_isa) {
  char path[4096] = {};
  if (readlink("/proc/self/exe", path, sizeof(path) - 1) <= 0) return "no /proc/self/exe";
  const std::string command =
      "MODE_ISA='" + mode_isa + "' '" + path + "' --gtest_also_run_disabled_tests --gtest_filter=IsaOfTheProcess.DISABLED_Print 2>&1";
  std::string output;
  FILE* pipe = popen(command.c_str(), "r");
  if (pipe == nullptr) return "popen failed";
  char buffer[512];
  while (std::fgets(buffer, sizeof(buffer), pipe) != nullptr) output += buffer;
  pclose(pipe);
  return output;
}

TEST(IsaOfTheProcess, DISABLED_Print) { fmt::print("chosen <{}>\n", name(isa())); }

TEST(Isa, TheEnvironmentLowersItAndNeverRaisesIt) {
  const std::vector<Isa> all = available_isas();
  ASSERT_FALSE(all.empty());
  EXPECT_EQ(all.front(), Isa::portable);
  for (const Isa wanted : {Isa::portable, Isa::avx2, Isa::avx512}) {
    const Isa expected = std::min(wanted, all.back());
    EXPECT_NE(run_with(std::string(name(wanted))).find(fmt::format("chosen <{}>", name(expected))), std::string::npos) << name(wanted);
  }
  EXPECT_NE(run_with("").find(fmt::format("chosen <{}>", name(all.back()))), std::string::npos);
  EXPECT_NE(run_with("sse9").find("MODE_ISA=sse9 is unknown; use portable, avx2 or avx512"), std::string::npos);
}

namespace portable {
int width() { return 1; }
}  // namespace portable
namespace avx2 {
int width() { return 2; }
}  // namespace avx2
namespace avx512 {
int width() { return 3; }
}  // namespace avx512

TEST(Isa, SelectTakesTheFunctionOfTheChosenSet) {
  const RestoreSettings restore;
  for (const Isa path : available_isas()) {
    set_isa(path);
    EXPECT_EQ(isa(), path);
#if defined(__x86_64__)
    EXPECT_EQ(SELECT_ISA(width)(), static_cast<int>(path) + 1);
    EXPECT_EQ(avx2::width() + avx512::width(), 5);
#else
    EXPECT_EQ(SELECT_ISA(width)(), 1);
#endif
  }
  for (const Isa path : {Isa::avx2, Isa::avx512})
    if (path > available_isas().back()) expect_error([&] { set_isa(path); }, fmt::format("this machine has no {}", name(path)));
}

}  // namespace
}  // namespace tensor
