#pragma once
// Shared by arguments.cpp and arguments_training.cpp. Short because only these two include CLI11, whose header is slow to compile.

#include <string>
#include <vector>

#include "tools/commands/commands.h"

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace mode::tools {

/// The end of a command's --help: examples, and the names of datasets.
void example(CLI::App* command, const std::string& lines, bool with_data = true);
void add_threads(CLI::App* command, int& threads);
void add_device(CLI::App* command, std::string& device);
/// --arch, --mean and --std, for weights without metadata.
void add_overrides(CLI::App* command, std::string& arch, std::vector<double>& mean, std::vector<double>& std);

/// Ranges; those of CLI11 accept NaN and print limits of 309 digits.
CLI::Validator any_number();
CLI::Validator positive_number();
CLI::Validator number_from_zero();

CLI::App* add_train(CLI::App& app, TrainOptions& o);
CLI::App* add_finetune(CLI::App& app, TrainOptions& o);
CLI::App* add_study(CLI::App& app, StudyOptions& o);

}  // namespace mode::tools
