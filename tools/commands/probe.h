#pragma once
// mode probe: a linear classifier on a network's frozen features, and the accuracy of nearest neighbors beside it.

#include <cstdint>
#include <string>
#include <vector>

#include "mode/evaluation/probe.h"

namespace mode::tools {

struct ProbeCommandOptions {
  std::string model, data;
  std::string test;               ///< images on which both are judged; empty: none
  std::string out;                ///< the network with the probe as its classifier; empty: not written
  std::string arch;               ///< for weights that do not say it
  std::vector<double> mean, std;  ///< likewise
  ProbeOptions probe;
  int64_t k = 50;
  std::string device = "cpu";
  int threads = 0;
};
int run_probe(const ProbeCommandOptions& options);

}  // namespace mode::tools
