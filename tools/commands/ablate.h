#pragma once
// mode ablate: csd's choices one at a time, on features that are extracted once.

#include <cstdint>
#include <string>
#include <vector>

namespace mode::tools {

struct AblateOptions {
  std::string model;
  std::string id;                 ///< training images: the bank
  std::string id_test;            ///< in-distribution images that are scored
  std::vector<std::string> ood;   ///< "name=SPEC"
  std::string out;                ///< file of the table as CSV; empty: none
  std::string arch;               ///< for weights that do not say it
  std::vector<double> mean, std;  ///< likewise
  int64_t k = 10;                 ///< where K is not what is varied
  uint64_t seed = 1;              ///< of the banks that are chosen by chance
  int64_t batch = 256;
  std::string device = "cpu";
  int threads = 0;
};
int run_ablate(const AblateOptions& options);

}  // namespace mode::tools
