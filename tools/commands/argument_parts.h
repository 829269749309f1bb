#pragma once
// What the two files that see CLI11 (arguments.cpp and arguments_training.cpp; the header is slow to compile) share.

#include <string>
#include <vector>

#include "tools/commands/commands.h"

namespace CLI {
class App;
class Validator;
}  // namespace CLI

namespace mode::tools {

/// The end of a command's --help.
void example(CLI::App* command, const std::string& line, bool with_data = true);
void add_threads(CLI::App* command, int& threads);
void add_device(CLI::App* command, std::string& device);
/// --arch, --mean and --std for weights that do not say them.
void add_foreign(CLI::App* command, std::string& arch, std::vector<double>& mean, std::vector<double>& std);

/// CLI11's own ranges let NaN pass, and print their limits with 309 digits.
CLI::Validator any_number();
CLI::Validator positive_number();
CLI::Validator number_from_zero();
CLI::Validator share();

CLI::App* add_train(CLI::App& app, TrainOptions& o);
CLI::App* add_finetune(CLI::App& app, TrainOptions& o);
CLI::App* add_study(CLI::App& app, StudyOptions& o);

}  // namespace mode::tools
