// An estimator that never has an answer, for tests of what is told then.
import type { EstimatorFactory } from '../../../src/estimator/estimator.ts'

const fails: EstimatorFactory = () => ({
  name: 'fails',
  estimate: () => {
    throw new Error('out of ideas')
  },
})
export default fails
